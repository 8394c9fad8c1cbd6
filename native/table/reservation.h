// A block of address space; the first use of a page makes it memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tunmeter {

class Reservation {
 public:
  Reservation() = default;
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  void swap(Reservation& other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(mapped_bytes_, other.mapped_bytes_);
  }
  ~Reservation() { release(); }

  // Reserves a block at a border of huge pages. False when the system has no such space.
  bool reserve(size_t bytes);
  void release();
  // Asks the kernel for huge pages. With 4 KiB pages, random access over megabytes spends much of
  // its time in the TLB, above all in a virtual machine. Not for small tables, because the first
  // use would clear 2 MiB. `touched`: bytes from the front that are in use already.
  void use_huge_pages(size_t touched);
  // Gives the memory back to the kernel. The space stays reserved and reads as zero.
  void clear();
  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace tunmeter
