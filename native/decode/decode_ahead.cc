#include "decode/decode_ahead.h"

#include <utility>

#include "decode/decode.h"

namespace tunmeter {

// Decodes packets into one batch after the other.
class DecodeAhead::Sink final : public PacketSink {
 public:
  explicit Sink(DecodeAhead& ahead) : ahead_(ahead) { begin(); }

  void packets(std::span<const RawPacket> raw) noexcept override {
    for (const RawPacket& packet : raw) {
      if (batch_->count == Batch::kPackets) {
        ahead_.filled();
        begin();
      }
      decode_with_hash(packet, ahead_.hash_key_, batch_->packets[batch_->count++]);
    }
  }

  // Returns false when that read was the last.
  bool end_read(FileRead read) {
    const bool over = read.over;
    batch_->read = std::move(read);
    batch_->ends_read = true;
    ahead_.filled();
    if (!over) begin();
    return !over;
  }

 private:
  void begin() {
    batch_ = &ahead_.to_fill();
    batch_->count = 0;
    batch_->ends_read = false;
  }

  DecodeAhead& ahead_;
  Batch* batch_;
};

DecodeAhead::DecodeAhead(CaptureFiles& files, const HashKey& hash_key)
    : files_(files),
      hash_key_(hash_key),
      ring_(std::make_unique_for_overwrite<Batch[]>(kBatches)),
      thread_([this] { run(); }) {}

DecodeAhead::~DecodeAhead() { thread_.join(); }

void DecodeAhead::run() {
  Sink sink(*this);
  while (sink.end_read(files_.read(sink))) {
  }
}

DecodeAhead::Batch& DecodeAhead::to_fill() {
  std::unique_lock lock(mutex_);
  if (filled_ - taken_ == kBatches) {
    not_full_.wait(lock, [this] { return filled_ - taken_ <= kBatches - kRefill; });
  }
  return ring_[filled_ % kBatches];
}

void DecodeAhead::filled() {
  const std::lock_guard lock(mutex_);
  filled_++;
  not_empty_.notify_one();
}

DecodeAhead::Batch& DecodeAhead::next() {
  std::unique_lock lock(mutex_);
  if (holds_one_) {
    taken_++;
    if (filled_ - taken_ == kBatches - kRefill) not_full_.notify_one();
  }
  holds_one_ = true;
  not_empty_.wait(lock, [this] { return filled_ > taken_; });
  return ring_[taken_ % kBatches];
}

}  // namespace tunmeter
