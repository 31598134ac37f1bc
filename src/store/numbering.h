// How the ids of names that are added to those of a log are numbered (Store::Intern).
#ifndef UPNEXT_STORE_NUMBERING_H_
#define UPNEXT_STORE_NUMBERING_H_

#include <cstdint>

#include "log/event_log.h"
#include "schema/event.h"
#include "store/store.h"

namespace upnext::store {

inline Numbering NumberingOf(const log::EventLog& log, uint64_t max_names) {
  Numbering numbering{.log = log.content_digest(), .first = {}, .most = max_names};
  for (size_t space = 0; space < log.schema().id_spaces().size(); ++space) {
    numbering.first.push_back(log.dictionary(static_cast<schema::IdSpace>(space)).size());
  }
  return numbering;
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_NUMBERING_H_
