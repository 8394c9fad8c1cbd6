// Formats a session's values for JSON and CSV. Each function writes at `out`, where there must be
// room, and returns the end of its text.
#pragma once

#include <time.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tunmeter::spelling {

inline constexpr int64_t kDaySeconds = 86'400;

inline char* text(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

inline char* number(uint64_t value, char* out) { return std::to_chars(out, out + 20, value).ptr; }

// With leading zeros.
inline char* digits(uint32_t value, int count, char* out) {
  for (int i = count - 1; i >= 0; i--, value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + count;
}

// Milliseconds as seconds, without trailing zeros.
inline char* thousandths(uint64_t ms, char* out) {
  out = number(ms / 1000, out);
  const uint32_t fraction = static_cast<uint32_t>(ms % 1000);
  if (fraction == 0) return out;
  *out++ = '.';
  out = digits(fraction, 3, out);
  while (out[-1] == '0') out--;
  return out;
}

// The last 8 characters of a session id: 40 bits.
inline char* sequence(uint64_t sequence, char* out) {
  constexpr std::string_view kBase32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  for (int shift = 35; shift >= 0; shift -= 5) *out++ = kBase32[(sequence >> shift) & 31];
  return out;
}

// Keeps the date of the latest time, because neighbouring sessions are usually of one day.
class IsoTime {
 public:
  // Writes 2026-11-22T22:37:01.000123Z for microseconds since the epoch; never for times before it.
  char* write(int64_t us, char* out) {
    const int64_t second = us / 1'000'000;
    const int64_t day = second / kDaySeconds;
    if (day != day_) set_day(day);
    const auto of_day = static_cast<uint32_t>(second % kDaySeconds);
    out = text({date_, sizeof date_}, out);
    *out++ = 'T';
    out = digits(of_day / 3600, 2, out);
    *out++ = ':';
    out = digits(of_day / 60 % 60, 2, out);
    *out++ = ':';
    out = digits(of_day % 60, 2, out);
    *out++ = '.';
    out = digits(static_cast<uint32_t>(us % 1'000'000), 6, out);
    *out++ = 'Z';
    return out;
  }

 private:
  void set_day(int64_t day) {
    day_ = day;
    const time_t midnight = day * kDaySeconds;
    tm date = {};
    gmtime_r(&midnight, &date);
    char* at = digits(static_cast<uint32_t>(date.tm_year + 1900), 4, date_);
    *at++ = '-';
    at = digits(static_cast<uint32_t>(date.tm_mon + 1), 2, at);
    *at++ = '-';
    digits(static_cast<uint32_t>(date.tm_mday), 2, at);
  }

  int64_t day_ = INT64_MIN;  // the day of date_
  char date_[10] = {};       // 2026-11-22
};

}  // namespace tunmeter::spelling
