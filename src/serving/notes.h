// What a slate says to people about what is missing, e.g. that the user is unknown.
#ifndef UPNEXT_SERVING_NOTES_H_
#define UPNEXT_SERVING_NOTES_H_

#include "serving/request_context.h"
#include "serving/slate.h"

namespace upnext::serving {

// The names that the catalogue does not have.
void AddMissing(const RequestContext& context, Slate* slate);
// Of a slate whose items are there.
void AddNotes(const RequestContext& context, bool has_ranker, Slate* slate);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_NOTES_H_
