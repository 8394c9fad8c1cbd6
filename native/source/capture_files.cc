#include "source/capture_files.h"

#include <utility>

#include "source/source.h"

namespace tunmeter {

CaptureFiles::CaptureFiles(std::vector<std::string> paths) : paths_(std::move(paths)) {}

FileRead CaptureFiles::read(PacketSink& sink) noexcept {
  FileRead read;
  if (source_ == nullptr && !open_next()) {
    read.over = true;
  } else if (stop_) {
    read.over = true;
  } else {
    const SourceStatus status = source_->read(sink);
    // What a source says that was told to stop is no fault of its file.
    if (status != SourceStatus::kOk && status != SourceStatus::kEnd && !stop_) {
      read.error = source_->error();
    }
    if (status != SourceStatus::kOk) close_file();
  }
  read.files_opened = files_opened_;
  read.stats = finished_;
  if (source_) read.stats += source_->stats();
  return read;
}

void CaptureFiles::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  if (source_) source_->interrupt();
}

bool CaptureFiles::open_next() {
  if (stop_ || files_opened_ == paths_.size()) return false;
  auto source = open_file_source(paths_[files_opened_++]);
  const std::lock_guard lock(mutex_);
  source_ = std::move(source);
  // A stop() before this moment found nothing to interrupt.
  if (stop_) source_->interrupt();
  return true;
}

void CaptureFiles::close_file() {
  finished_ += source_->stats();
  const std::lock_guard lock(mutex_);
  source_.reset();
}

}  // namespace tunmeter
