// Events of users as the log has them, and as they were posted.
#ifndef UPNEXT_STORE_USER_HISTORY_H_
#define UPNEXT_STORE_USER_HISTORY_H_

#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {

// Strings to ids, as the import does it.
schema::Event Resolve(const schema::RawEvent& raw, const catalogue::Catalogue& catalogue);

// See UserStates::History; `store` may be null.
Result<std::vector<schema::RawEvent>> HistoryOf(const catalogue::Catalogue& catalogue,
                                                const Store* store, std::string_view user);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_USER_HISTORY_H_
