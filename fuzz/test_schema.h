// A schema with something of every kind, for harnesses and seeds.
#ifndef UPNEXT_FUZZ_TEST_SCHEMA_H_
#define UPNEXT_FUZZ_TEST_SCHEMA_H_

#include "fuzz/harness.h"
#include "schema/schema.h"

namespace upnext::fuzz {

// A type and an attribute of every kind of the site's own.
inline schema::Schema TestSchema() {
  const auto schema = schema::Schema::Parse(
      "schema.events.wish = 'positive'\nschema.items.stock = 'flag'\n"
      "schema.items.price = 'number'\nschema.items.listed = 'time'\n"
      "schema.items.brand = 'category'\nschema.items.tags = 'categories'\n"
      "schema.items.body = 'text'\nschema.items.vector = 'vector(2)'\n"
      "schema.users.plan = 'category'\nschema.requests.page = 'category'\n"
      "schema.requests.depth = 'number'\nschema.requests.signed_in = 'flag'\n"
      "schema.requests.opened = 'time'\n");
  FUZZ_REQUIRE(schema.has_value(), "expected a correct schema");
  return *schema;
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_TEST_SCHEMA_H_
