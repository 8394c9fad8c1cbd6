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
      # Everything is one unit (native/addon/tunmeter.cc), and with this the compiler knows that no other one calls into
      # it: what is called once is inlined. Without it a packet takes 4 % more instructions.
      "-flto=auto",
      # A unit's own names are its own, though the compiler does not read it as the main file.
      "-Wno-subobject-linkage",
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
      "sources": ["native/addon/tunmeter.cc"],
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
      "sources": ["native/addon/tunmeter_csv.cc"]
    }
  ]
}
