// The meter's addon: its classes and the layout. It only translates; the engine and the observation
// point do the work. No globals: each environment (main thread or worker) has its own constructors.
// Any call of Napi can throw Napi::Error at any moment, because a worker that is being terminated
// can create no values. Nothing else in native/ throws.
#include <napi.h>
#include <pcap/pcap.h>

#include <memory>
#include <vector>

#include "addon/addon_links.h"
#include "addon/addon_rows.h"
#include "addon/addon_values.h"
#include "addon/layout.h"
#include "decode/bytes.h"
#include "source/capture_files.h"

namespace tunmeter {
namespace {

// The C library's words, which src/base/system-fault.ts knows.
constexpr char kNoMemory[] = "Cannot allocate memory for the flow table";

class VectorSink final : public RecordSink {
 public:
  SessionRecord* next_record() noexcept override { return &records_.emplace_back(); }
  std::vector<SessionRecord>& records() { return records_; }

 private:
  std::vector<SessionRecord> records_;
};

// See src/meter/capture/packet-engine.ts.
class PacketEngineWrap : public Napi::ObjectWrap<PacketEngineWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "PacketEngine",
                       {InstanceMethod<&PacketEngineWrap::feed>("feed"),
                        InstanceMethod<&PacketEngineWrap::advance>("advance"),
                        InstanceMethod<&PacketEngineWrap::set_inside>("setInside"),
                        InstanceMethod<&PacketEngineWrap::begin_epoch>("beginEpoch"),
                        InstanceMethod<&PacketEngineWrap::oldest_epoch>("oldestEpoch"),
                        InstanceMethod<&PacketEngineWrap::finish>("finish"),
                        InstanceMethod<&PacketEngineWrap::records>("records"),
                        InstanceMethod<&PacketEngineWrap::counters>("counters"),
                        InstanceMethod<&PacketEngineWrap::check>("check"),
                        InstanceMethod<&PacketEngineWrap::memory_bytes>("memoryBytes")});
  }

  explicit PacketEngineWrap(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<PacketEngineWrap>(info) {
    const auto object = info[0].As<Napi::Object>();
    const bool records = object.Get("recordsAll").ToBoolean();
    engine_ = std::make_unique<Engine>(engine_options(object), records ? &sink_ : nullptr);
    if (!engine_->ok()) throw Napi::Error::New(info.Env(), kNoMemory);
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), kExternalBytes);
  }

  void Finalize(Napi::Env env) override {
    Napi::MemoryManagement::AdjustExternalMemory(env, -kExternalBytes);
  }

 private:
  static constexpr size_t kHeaderBytes = 24;
  // About the memory of an engine with a few flows, so that garbage collection knows its size.
  static constexpr int64_t kExternalBytes = 256 * 1024;

  void feed(const Napi::CallbackInfo& info) {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    if (!unpack(bytes.Data(), bytes.ByteLength())) {
      throw Napi::RangeError::New(info.Env(), "the packed packets are broken");
    }
    engine_->packets(packets_);
  }

  bool unpack(const uint8_t* p, size_t size) {
    packets_.clear();
    for (size_t at = 0; at < size;) {
      if (size - at < kHeaderBytes) return false;
      RawPacket packet;
      std::memcpy(&packet.timestamp_ns, p + at, 8);
      packet.captured_bytes = load_le32(p + at + 8);
      packet.wire_bytes = load_le32(p + at + 12);
      packet.link_type = load_le16(p + at + 16);
      packet.interface = load_le16(p + at + 18);
      packet.data = p + at + kHeaderBytes;
      const size_t padded = (size_t{packet.captured_bytes} + 7) & ~size_t{7};
      if (size - at - kHeaderBytes < padded) return false;
      at += kHeaderBytes + padded;
      packets_.push_back(packet);
    }
    return true;
  }

  void advance(const Napi::CallbackInfo& info) {
    bool lossless;
    engine_->advance(info[0].As<Napi::BigInt>().Int64Value(&lossless));
  }

  void set_inside(const Napi::CallbackInfo& info) {
    PrefixSet set = prefix_set(info[0]);
    engine_->set_inside(set);
  }

  void begin_epoch(const Napi::CallbackInfo& info) {
    engine_->begin_epoch(info[0].ToNumber().Uint32Value());
  }

  Napi::Value oldest_epoch(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), engine_->oldest_epoch());
  }

  void finish(const Napi::CallbackInfo&) { engine_->finish(); }

  Napi::Value records(const Napi::CallbackInfo& info) {
    auto& records = sink_.records();
    const auto buffer =
        Napi::Buffer<uint8_t>::Copy(info.Env(), reinterpret_cast<const uint8_t*>(records.data()),
                                    records.size() * sizeof(SessionRecord));
    records.clear();
    return buffer;
  }

  Napi::Value counters(const Napi::CallbackInfo& info) {
    return counter_values(info.Env(), engine_->counters());
  }

  Napi::Value check(const Napi::CallbackInfo& info) {
    const char* fault = engine_->check();
    return fault == nullptr ? info.Env().Null() : Napi::String::New(info.Env(), fault);
  }

  Napi::Value memory_bytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(engine_->memory_bytes()));
  }

  VectorSink sink_;
  std::unique_ptr<Engine> engine_;
  std::vector<RawPacket> packets_;
};

// See src/meter/capture/flow-meter.ts. start() keeps the JavaScript object alive (Ref) while the
// thread runs; close() releases it. If the environment ends first (a terminated worker), its
// cleanup hook ends the thread. Hooks run last in, first out, so this hook runs before that of the
// thread-safe function.
class ObservationPointWrap : public Napi::ObjectWrap<ObservationPointWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ObservationPoint",
                       {InstanceMethod<&ObservationPointWrap::start>("start"),
                        InstanceMethod<&ObservationPointWrap::drain>("drain"),
                        InstanceMethod<&ObservationPointWrap::status>("status"),
                        InstanceMethod<&ObservationPointWrap::set_inside>("setInside"),
                        InstanceMethod<&ObservationPointWrap::begin_epoch>("beginEpoch"),
                        InstanceMethod<&ObservationPointWrap::epoch_begun>("epochBegun"),
                        InstanceMethod<&ObservationPointWrap::stop>("stop"),
                        InstanceMethod<&ObservationPointWrap::close>("close")});
  }

  explicit ObservationPointWrap(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ObservationPointWrap>(info), env_(info.Env()) {
    const auto object = info[0].As<Napi::Object>();
    ObservationPoint::Options options;
    options.engine = engine_options(object);
    options.records = object.Get("recordsAll").ToBoolean();
    options.record_queue_bytes =
        static_cast<size_t>(object.Get("recordQueueBytes").ToNumber().Int64Value());
    options.source = source_options(info[1].As<Napi::Object>());
    auto wake = [this] { wake_.NonBlockingCall(); };
    auto point = std::make_unique<ObservationPoint>(std::move(options), std::move(wake));
    if (!point->ok()) throw Napi::Error::New(env_, kNoMemory);
    wake_ = Napi::ThreadSafeFunction::New(env_, info[2].As<Napi::Function>(), "tunmeter", 0, 1);
    napi_add_env_cleanup_hook(env_, &ObservationPointWrap::environment_ends, this);
    hooked_ = true;
    point_ = std::move(point);
  }

  ~ObservationPointWrap() { end(); }

 private:
  static void environment_ends(void* self) {
    auto* wrap = static_cast<ObservationPointWrap*>(self);
    wrap->hooked_ = false;
    wrap->end();
  }

  void end() {
    if (hooked_) napi_remove_env_cleanup_hook(env_, &ObservationPointWrap::environment_ends, this);
    hooked_ = false;
    if (!point_) return;
    last_ = point_->status();
    point_.reset();  // joins the thread
    wake_.Release();
  }

  void start(const Napi::CallbackInfo&) {
    if (started_ || !point_) return;
    started_ = true;
    Ref();
    point_->start();
  }

  Napi::Value drain(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto chunks = Napi::Array::New(env);
    if (!point_) return chunks;
    uint32_t count = 0;
    point_->queue().drain([&](const SessionRecord* records, size_t bytes) {
      const auto* data = reinterpret_cast<const uint8_t*>(records);
      chunks.Set(count++, Napi::Buffer<uint8_t>::Copy(env, data, bytes));
    });
    return chunks;
  }

  Napi::Value status(const Napi::CallbackInfo& info) {
    return status_object(info.Env(), point_ ? point_->status() : last_);
  }

  void set_inside(const Napi::CallbackInfo& info) {
    if (point_) point_->set_inside(prefix_set(info[0]));
  }

  void begin_epoch(const Napi::CallbackInfo& info) {
    if (point_) point_->begin_epoch(info[0].ToNumber().Uint32Value());
  }

  Napi::Value epoch_begun(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), point_ ? point_->epoch_begun() : 0);
  }

  void stop(const Napi::CallbackInfo&) {
    if (point_) point_->stop();
  }

  void close(const Napi::CallbackInfo&) {
    end();
    if (started_) Unref();
    started_ = false;
  }

  const napi_env env_;
  bool hooked_ = false;
  bool started_ = false;
  Napi::ThreadSafeFunction wake_;
  std::unique_ptr<ObservationPoint> point_;
  PointStatus last_;  // the status after close()
};

// See src/meter/capture/first-packet.ts.
Napi::Value first_packet_us(const Napi::CallbackInfo& info) {
  const int64_t ns = first_packet_ns(info[0].ToString().Utf8Value());
  if (ns == kNoTimestamp) return info.Env().Null();
  return Napi::Number::New(info.Env(), static_cast<double>(ns) / 1000);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("PacketEngine", PacketEngineWrap::define(env));
  exports.Set("ObservationPoint", ObservationPointWrap::define(env));
  exports.Set("SessionRows", define_session_rows(env));
  define_links(env, exports);
  exports.Set("firstPacketUs", Napi::Function::New<first_packet_us>(env, "firstPacketUs"));
  exports.Set("layout", layout_object(env));
  exports.Set("captureLibrary", pcap_lib_version());
  return exports;
}

}  // namespace

NODE_API_MODULE(tunmeter, init)

}  // namespace tunmeter
