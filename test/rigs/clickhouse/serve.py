"""ClickHouse as a server: python3 serve.py DIRECTORY HTTP_PORT [CONFIG]. Ends by a signal.

libchdb.so has all of ClickHouse. chdb_query_cmdline() is the main function of clickhouse-local, which can start the
server's listeners by a query. The last query reads a FIFO that nobody writes, because the process ends with its
queries. It is Python, which node-gyp needs anyway: koffi calls on a stack of its own, which ClickHouse refuses.
"""
import ctypes, os, sys

# No process is left behind when the tests are killed: PR_SET_PDEATHSIG, SIGKILL.
ctypes.CDLL(None).prctl(1, 9)
directory, port, *config = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
library = os.path.join(here, 'node_modules/@chdb/lib-linux-x64-gnu/libchdb.so')
end = os.path.join(directory, 'end')
data = os.path.join(directory, 'data')
os.makedirs(data, exist_ok=True)
if not os.path.exists(end):
    os.mkfifo(end)
queries = f"SYSTEM START LISTEN HTTP; SELECT * FROM file('{end}', LineAsString)"
arguments = ['clickhouse-local', *('--config-file=' + c for c in config), '--path', data,
             '--listen_host', '127.0.0.1', '--http_port', port, '--query', queries]
main = ctypes.CDLL(library).chdb_query_cmdline
main.restype = ctypes.c_void_p
main(len(arguments), (ctypes.c_char_p * (len(arguments) + 1))(*(a.encode() for a in arguments), None))
