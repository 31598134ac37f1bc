// The names of one id space on their way into a dictionaries file. Only log_writer.cc includes it.
#ifndef UPNEXT_LOG_DICTIONARY_WRITER_H_
#define UPNEXT_LOG_DICTIONARY_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/column.h"
#include "log/dictionary.h"
#include "log/event_log.h"

namespace upnext::log {

class DictionaryWriter {
 public:
  // Spools into the folder.
  explicit DictionaryWriter(const std::filesystem::path& folder)
      : spill_(folder), ends_(spill_, "", 0, true), bytes_(spill_) {}
  // `names` more are to come after those of `old`. The ids of old that `forgotten` has (or none, if
  // it is empty) keep their numbers and lose their names.
  Status Begin(std::string_view label, const Dictionary& old, uint64_t names,
               const std::vector<bool>& forgotten);
  // Names come by (length, bytes) and are not in `old`; kInternal when out of order or too many.
  Status Add(std::string_view name);
  // The sections LABEL.offsets, .bytes, .slots and .generations; kInternal when names are missing.
  Status WriteTo(base::SectionWriter& writer);

 private:
  Status Take(std::string_view name);  // "" when it was forgotten

  std::string label_, previous_;
  uint64_t expected_ = 0, names_ = 0, size_ = 0;
  SpoolFile spill_;
  Column<uint64_t> ends_;
  Spool bytes_;
  std::vector<uint64_t> generations_;
  std::vector<uint32_t> slots_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_DICTIONARY_WRITER_H_
