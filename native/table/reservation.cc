#include "table/reservation.h"

#include <sys/mman.h>

namespace tunmeter {
namespace {

constexpr size_t kHugePage = 2u << 20;

}  // namespace

bool Reservation::reserve(size_t bytes) {
  release();
  const size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* p = mmap(nullptr, whole + kHugePage, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  auto* const start = static_cast<uint8_t*>(p);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(start) % kHugePage) % kHugePage;
  data_ = start + before;
  bytes_ = bytes;
  mapped_bytes_ = whole;
  if (before > 0) munmap(start, before);
  if (before < kHugePage) munmap(data_ + whole, kHugePage - before);
  return true;
}

void Reservation::use_huge_pages([[maybe_unused]] size_t touched) {
  madvise(data_, mapped_bytes_, MADV_HUGEPAGE);
#ifdef MADV_COLLAPSE
  // Linux 6.1 and later: pages in use are made huge at once.
  const size_t whole = (touched + kHugePage - 1) / kHugePage * kHugePage;
  if (whole > 0) madvise(data_, whole, MADV_COLLAPSE);
#endif
}

void Reservation::release() {
  if (data_ != nullptr) munmap(data_, mapped_bytes_);
  data_ = nullptr;
  bytes_ = mapped_bytes_ = 0;
}

void Reservation::clear() {
  if (data_ != nullptr) madvise(data_, bytes_, MADV_DONTNEED);
}

}  // namespace tunmeter
