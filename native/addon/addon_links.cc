#include "addon/addon_links.h"

#include <string>
#include <vector>

#include "source/source_link.h"

namespace tunmeter {
namespace {

Napi::Object link_object(Napi::Env env, const Link& link) {
  Napi::Object object = Napi::Object::New(env);
  const auto set = [&object](const char* name, uint64_t value) {
    object.Set(name, static_cast<double>(value));
  };
  object.Set("name", link.name);
  set("index", link.index);
  set("type", link.type);
  set("mtu", link.mtu);
  object.Set("isUp", link.up);
  object.Set("kind", link.kind);
  set("rxPackets", link.stats.rx_packets);
  set("rxBytes", link.stats.rx_bytes);
  set("rxDropped", link.stats.rx_dropped);
  set("txPackets", link.stats.tx_packets);
  set("txBytes", link.stats.tx_bytes);
  set("txDropped", link.stats.tx_dropped);
  return object;
}

// Returns an object, null without such an interface, or an errno when the kernel does not answer.
Napi::Value find_link(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Link link;
  const int error = LinkMonitor().query(info[0].ToString().Utf8Value(), link);
  if (error != 0) return Napi::Number::New(env, error);
  return link.index == 0 ? env.Null() : Napi::Value(link_object(env, link));
}

// Returns an array of names, or an errno when the kernel does not answer.
Napi::Value list_links(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<Link> links;
  const int error = LinkMonitor().list(links);
  if (error != 0) return Napi::Number::New(env, error);
  auto names = Napi::Array::New(env, links.size());
  for (uint32_t i = 0; i < links.size(); i++) names.Set(i, links[i].name);
  return names;
}

}  // namespace

void define_links(Napi::Env env, Napi::Object exports) {
  exports.Set("findLink", Napi::Function::New<find_link>(env, "findLink"));
  exports.Set("listLinks", Napi::Function::New<list_links>(env, "listLinks"));
}

}  // namespace tunmeter
