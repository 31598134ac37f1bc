// What the names in expressions mean, and what was probably meant by wrong ones. Only this room
// includes it.
#ifndef UPNEXT_FEATURES_EXPRESSION_NAMES_H_
#define UPNEXT_FEATURES_EXPRESSION_NAMES_H_

#include <string>
#include <string_view>

#include "features/feature_expression.h"
#include "features/feature_plan.h"
#include "features/request_context.h"
#include "schema/schema.h"

namespace upnext::features {

// What a reference candidate model says of a request (retrieval_reference.h); no attributes.
inline constexpr std::string_view kRequestPrefix = "request.",
                                  kRetrievalScore = "request.retrieval_score",
                                  kUserVector = "request.user_vector";

// "item" is the candidate itself, "query" the query of a search, "item.price" an attribute.
Compiled<AttributePath> ResolveAttribute(const schema::Schema& schema,
                                         const Expression& expression);
// Of requests, features may read what is known when the request comes.
Compiled<void> CheckKnownAtRequest(const AttributePath& path, const Expression& expression);
// "unknown function 'histroy'; did you mean 'history'?"
std::string UnknownFunction(std::string_view name);
std::string UnknownEvent(const schema::Schema& schema, std::string_view name);
// The vocabulary of an id space: "channel".
std::string SpaceVocabulary(const schema::Schema& schema, schema::IdSpace space);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_EXPRESSION_NAMES_H_
