// The table of fuzz targets, and FUZZ_REQUIRE.
//
// One program has all targets: fuzz_libfuzzer.cc makes it a libFuzzer program, fuzz_replay.cc runs
// it over files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace tunmeter::fuzz {

struct Target {
  const char* name;
  // Aborts when an invariant does not hold. The sanitizers find other errors.
  void (*run)(const uint8_t* data, size_t size);
};

const Target* find_target(const char* name);

// fuzz_packets.cc
void run_packets(const uint8_t* data, size_t size);

// fuzz_readers.cc
void run_pcap(const uint8_t* data, size_t size);
void run_pcapng(const uint8_t* data, size_t size);
void run_gzip(const uint8_t* data, size_t size);

// fuzz_tables.cc
void run_prefixes(const uint8_t* data, size_t size);
void run_rows(const uint8_t* data, size_t size);
void run_queue(const uint8_t* data, size_t size);

// fuzz_csv.cc
void run_csv(const uint8_t* data, size_t size);

}  // namespace tunmeter::fuzz

#define FUZZ_REQUIRE(condition, text)                                                           \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      fprintf(stderr, "%s:%d: does not hold: %s (%s)\n", __FILE__, __LINE__, #condition, text); \
      abort();                                                                                  \
    }                                                                                           \
  } while (false)
