{
  "target_defaults": {
    "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-exceptions"],
    "cflags_cc": [
      "-O3",
      "-std=c++20",
      # Only between node-addon-api and the addons' classes (native/addon.cc).
      "-fexceptions",
      "-fno-rtti",
      "-fvisibility=hidden",
      # The packet path crosses files; inlining over them takes a quarter off the time per packet.
      "-flto=auto",
      "-Wall",
      "-Wextra",
      "-Werror",
      # Not ours to warn about.
      "-isystem",
      "<!(node -p \"require('path').resolve(require('node-addon-api').include_dir)\")"
    ],
    # GCC 12 sees lengths in std::string at link time that cannot happen.
    "ldflags": ["-flto=auto", "-O3", "-Wno-stringop-overflow"]
  },
  "targets": [
    {
      "target_name": "tunmeter",
      "sources": [
        "native/addon.cc",
        "native/addon_rows.cc",
        "native/addon_values.cc",
        "native/capture_files.cc",
        "native/community_id.cc",
        "native/decode.cc",
        "native/decode_ahead.cc",
        "native/engine.cc",
        "native/engine_session.cc",
        "native/engine_timers.cc",
        "native/eviction.cc",
        "native/flow_table.cc",
        "native/fragments.cc",
        "native/ip.cc",
        "native/link.cc",
        "native/observation_point.cc",
        "native/prefix_set.cc",
        "native/record_queue.cc",
        "native/session_rows.cc",
        "native/tcp_state.cc",
        "native/timer_wheel.cc",
        "native/source_file.cc",
        "native/source_gzip.cc",
        "native/source_link.cc",
        "native/source_live.cc",
        "native/source_pcap.cc",
        "native/source_pcapng.cc",
        "native/source_stream.cc"
      ],
      "libraries": ["-lpcap", "-lz"]
    },
    {
      # The server's: without libpcap.
      "target_name": "tunmeter_csv",
      "sources": ["native/community_id.cc", "native/csv_addon.cc", "native/csv_lines.cc"]
    }
  ]
}
