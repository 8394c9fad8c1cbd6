{
  "variables": {
    # scripts/release/prebuild.ts: a folder with include/ and lib/ of libpcap and zlib, which are then linked statically.
    "static_libraries%": "",
    # Only where the compiler is known: a new one's warnings must not end an installation.
    "warnings_are_errors%": 0
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fno-exceptions"],
    "cflags_cc": [
      "-O3",
      "-std=c++20",
      # Only between node-addon-api and the addons' classes (native/addon/addon.cc).
      "-fexceptions",
      "-fno-rtti",
      "-fvisibility=hidden",
      # The packet path crosses files; inlining over them takes a quarter off the time per packet.
      "-flto=auto",
      # The code reads what strangers send. FORTIFY needs -O, and some compilers come with a level of their own.
      "-fstack-protector-strong",
      "-U_FORTIFY_SOURCE",
      "-D_FORTIFY_SOURCE=2",
      "-Wall",
      "-Wextra",
      # Not ours to warn about.
      "-isystem",
      "<!(node -p \"require('path').resolve(require('node-addon-api').include_dir)\")"
    ],
    # GCC 12 sees lengths in std::string at link time that cannot happen.
    # With -flto the code is made here: what protects it must be named again.
    "ldflags": [
      "-flto=auto",
      "-O3",
      "-Wno-stringop-overflow",
      "-fstack-protector-strong",
      "-Wl,-z,relro,-z,now"
    ],
    "conditions": [
      ["warnings_are_errors==1", { "cflags_cc": ["-Werror"] }],
      ["static_libraries!=''", { "ldflags": ["-s"] }]
    ]
  },
  "targets": [
    {
      "target_name": "tunmeter",
      "sources": [
        "native/addon/addon.cc",
        "native/addon/addon_links.cc",
        "native/addon/addon_rows.cc",
        "native/addon/addon_values.cc",
        "native/addon/layout.cc",
        "native/source/capture_files.cc",
        "native/engine/community_id.cc",
        "native/decode/decode.cc",
        "native/decode/decode_ahead.cc",
        "native/engine/engine.cc",
        "native/engine/engine_repeats.cc",
        "native/engine/engine_session.cc",
        "native/engine/engine_timers.cc",
        "native/table/eviction.cc",
        "native/table/flow_table.cc",
        "native/table/repeats.cc",
        "native/table/reservation.cc",
        "native/decode/fragments.cc",
        "native/decode/ip.cc",
        "native/decode/link.cc",
        "native/engine/observation_point.cc",
        "native/engine/packet_clocks.cc",
        "native/table/prefix_set.cc",
        "native/engine/record_queue.cc",
        "native/addon/session_rows.cc",
        "native/engine/tcp_state.cc",
        "native/table/timer_wheel.cc",
        "native/source/source_file.cc",
        "native/source/source_gzip.cc",
        "native/source/source_link.cc",
        "native/source/source_live.cc",
        "native/source/source_pcap.cc",
        "native/source/source_pcapng.cc",
        "native/source/source_stream.cc"
      ],
      "conditions": [
        [
          "static_libraries!=''",
          {
            "include_dirs": ["<(static_libraries)/include"],
            "libraries": ["<(static_libraries)/lib/libpcap.a", "<(static_libraries)/lib/libz.a"]
          },
          { "libraries": ["-lpcap", "-lz"] }
        ]
      ]
    },
    {
      # The server's: without libpcap.
      "target_name": "tunmeter_csv",
      "sources": ["native/engine/community_id.cc", "native/addon/csv_addon.cc", "native/addon/csv_lines.cc"]
    }
  ]
}
