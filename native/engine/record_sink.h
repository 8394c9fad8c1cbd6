// The interface between the engine and the receiver of its records.
#pragma once

#include "engine/session_record.h"

namespace tunmeter {

class RecordSink {
 public:
  // Space for one record, which the engine fills before the next call. Null when there is none; the
  // record is then dropped.
  virtual SessionRecord* next_record() noexcept = 0;

 protected:
  ~RecordSink() = default;
};

}  // namespace tunmeter
