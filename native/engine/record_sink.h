// Where the engine puts records.
#pragma once

#include "engine/session_record.h"

namespace tunmeter {

class RecordSink {
 public:
  // Space for one record, to be filled before the next call; null when there is none and the record
  // is to be dropped.
  virtual SessionRecord* next_record() noexcept = 0;

 protected:
  ~RecordSink() = default;
};

}  // namespace tunmeter
