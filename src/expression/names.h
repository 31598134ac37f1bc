// What the names in an expression mean: paths to attributes, as in the feature language.
//
//   UPNEXT... ResolvePath(schema, node) -> {Path, Type} of `item.price`
//
// Pure functions: any number of threads.
#ifndef UPNEXT_EXPRESSION_NAMES_H_
#define UPNEXT_EXPRESSION_NAMES_H_

#include <string>
#include <utility>

#include "expression/tree.h"
#include "schema/schema.h"

namespace upnext::expression {

// Of a node of the form kName. `item`, `item.NAME`, `user.NAME`, `request.NAME`, and through a
// category of items `request.current_item.NAME`.
Checked<std::pair<Path, Type>> ResolvePath(const schema::Schema& schema, const Node& name);

// For messages: "a number", "an id of 'channels'".
std::string NameOf(const schema::Schema& schema, const Type& type);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_NAMES_H_
