// The engine over the hand-computed cases (test/rules), as text from scripts/mutate.ts on stdin:
//
//   case NAME
//   options HANDSHAKE ESTABLISHED HALF_CLOSED UDP LINGER ACTIVE (us) FLOWS FRAGMENTS EARLY
//   inside PACKED_PREFIXES
//   packet NS LINK_TYPE WIRE_BYTES OCTETS      NS "-": without a time
//   advance NS
//   end
//
// Prints one line a case: its counters and its records, in hexadecimal.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"

using namespace tunmeter;

namespace {

std::vector<uint8_t> octets(const std::string& hex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct Records final : RecordSink {
  // Records must not move while they are filled; nobody has thousands here.
  SessionRecord* next_record() noexcept override {
    all.push_back(std::make_unique<SessionRecord>());
    std::memset(all.back().get(), 0, sizeof(SessionRecord));
    return all.back().get();
  }
  std::vector<std::unique_ptr<SessionRecord>> all;
};

class Case {
 public:
  explicit Case(std::string name) : name_(std::move(name)) {}

  void line(const std::string& word, std::istringstream& rest) {
    if (word == "options") return options(rest);
    if (word == "packet") return packet(rest);
    flush();
    std::string text;
    rest >> text;
    if (word == "advance") engine_->advance(std::stoll(text));
    if (word == "inside") {
      const std::vector<uint8_t> packed = octets(text);
      PrefixSet prefixes;
      prefixes.assign(packed.data(),
                      static_cast<uint32_t>(packed.size()) / PrefixSet::kPackedBytes);
      engine_->set_inside(prefixes);
    }
  }

  void end() {
    flush();
    engine_->finish();
    double values[kCounterValues];
    engine_counter_values(engine_->counters(), values);
    std::printf("%s:", name_.c_str());
    for (double value : values) std::printf(" %.0f", value);
    for (const auto& record : records_.all) {
      std::printf(" ");
      const auto* p = reinterpret_cast<const uint8_t*>(record.get());
      for (size_t i = 0; i < sizeof(SessionRecord); i++) std::printf("%02x", p[i]);
    }
    std::printf("%s\n", engine_->check() == nullptr ? "" : " BROKEN");
  }

 private:
  void options(std::istringstream& rest) {
    EngineOptions o;
    rest >> o.handshake_us >> o.established_us >> o.half_closed_us >> o.udp_us >> o.linger_us >>
        o.active_timeout_us >> o.flows_max >> o.fragments_max >> o.early_report;
    engine_ = std::make_unique<Engine>(o, &records_);
  }

  void packet(std::istringstream& rest) {
    std::string ns, hex;
    RawPacket raw = {};
    rest >> ns >> raw.link_type >> raw.wire_bytes >> hex;
    raw.timestamp_ns = ns == "-" ? kNoTimestamp : std::stoll(ns);
    data_.push_back(octets(hex));
    raw.captured_bytes = static_cast<uint32_t>(data_.back().size());
    packets_.push_back(raw);
  }

  void flush() {
    for (size_t i = 0; i < packets_.size(); i++) packets_[i].data = data_[i].data();
    engine_->packets(packets_);
    packets_.clear();
    data_.clear();
  }

  std::string name_;
  Records records_;
  std::unique_ptr<Engine> engine_;
  std::vector<RawPacket> packets_;
  std::vector<std::vector<uint8_t>> data_;
};

}  // namespace

int main() {
  std::unique_ptr<Case> current;
  for (std::string text; std::getline(std::cin, text);) {
    std::istringstream line(text);
    std::string word;
    line >> word;
    if (word == "case") {
      current = std::make_unique<Case>(text.substr(5));
    } else if (word == "end") {
      current->end();
    } else {
      current->line(word, line);
    }
  }
}
