#include "api/arrow_stream.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "api/arrow_export.h"

namespace upnext::api {
namespace {

void ReleaseIfHeld(ArrowArray* array) {
  if (array != nullptr && array->release != nullptr) array->release(array);
}

void ReleaseLent(ArrowArray* array) {
  for (int64_t i = 0; i < array->n_children; ++i) ReleaseIfHeld(array->children[i]);
  ReleaseIfHeld(array->dictionary);
  array->release = nullptr;
  // The last access: the struct itself may lie in the memory that goes then.
  std::atomic_ref<int64_t>(*static_cast<int64_t*>(array->private_data))
      .fetch_sub(1, std::memory_order_acq_rel);
}

void LendOne(ArrowArray* array, int64_t* in_use) {
  ++*in_use;
  array->release = ReleaseLent;
  array->private_data = in_use;
  for (int64_t i = 0; i < array->n_children; ++i) LendOne(array->children[i], in_use);
  if (array->dictionary != nullptr) LendOne(array->dictionary, in_use);
}

ArrowColumn TypeOf(const ArrowSchema& schema) {
  ArrowColumn type = {.name = schema.name == nullptr ? "" : schema.name,
                      .format = schema.format,
                      .flags = schema.flags};
  for (int64_t i = 0; i < schema.n_children; ++i)
    type.children.push_back(TypeOf(*schema.children[i]));
  if (schema.dictionary != nullptr) {
    type.dictionary = std::make_shared<const ArrowColumn>(TypeOf(*schema.dictionary));
  }
  return type;
}

struct OneBatch {
  OneBatch() = default;
  ~OneBatch() { ReleaseIfHeld(&array); }
  OneBatch(const OneBatch&) = delete;
  OneBatch& operator=(const OneBatch&) = delete;
  ArrowColumn type;
  ArrowArray array = {};
};

OneBatch& BatchOf(ArrowArrayStream* stream) {
  return *static_cast<OneBatch*>(stream->private_data);
}

int SchemaOfStream(ArrowArrayStream* stream, ArrowSchema* out) {
  try {
    ExportSchema(BatchOf(stream).type, out);
    return 0;
  } catch (...) {
    return ENOMEM;
  }
}

int NextOfStream(ArrowArrayStream* stream, ArrowArray* out) {
  *out = std::exchange(BatchOf(stream).array,
                       {});  // released from then on, which is the end of a stream
  return 0;
}

const char* ErrorOfStream(ArrowArrayStream*) { return "out of memory"; }

void ReleaseStream(ArrowArrayStream* stream) {
  delete &BatchOf(stream);
  stream->release = nullptr;
}

}  // namespace

void LendArray(ArrowArray* array, int64_t* in_use) {
  *in_use = 0;
  LendOne(array, in_use);
}

void MakeStream(const ArrowSchema& schema, ArrowArray* array, ArrowArrayStream* out) {
  OneBatch taken;
  std::swap(taken.array, *array);
  auto batch = std::make_unique<OneBatch>();
  batch->type = TypeOf(schema);
  std::swap(batch->array, taken.array);
  *out = {.get_schema = SchemaOfStream,
          .get_next = NextOfStream,
          .get_last_error = ErrorOfStream,
          .release = ReleaseStream,
          .private_data = batch.release()};
}

}  // namespace upnext::api
