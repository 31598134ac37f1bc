#include "log/dictionary_writer.h"

#include "base/checksum.h"
#include "log/log_format.h"
#include "schema/event.h"

namespace upnext::log {

Status DictionaryWriter::Begin(std::string_view label, const Dictionary& old, uint64_t names,
                               const std::vector<bool>& forgotten) {
  label_ = label;
  expected_ = old.size() + names;
  slots_.assign(format::SlotsFor(expected_), schema::kNone);
  UPNEXT_RETURN_IF_ERROR(ends_.Add(0));
  for (uint32_t id = 0; id < old.size(); ++id) {
    const bool nameless = !forgotten.empty() && forgotten[id];
    UPNEXT_RETURN_IF_ERROR(Take(nameless ? std::string_view() : old.name(id)));
  }
  generations_.assign(old.generations().begin(), old.generations().end());
  if (old.size() > 0 && names > 0) generations_.push_back(old.size());
  return Ok();
}

Status DictionaryWriter::Add(std::string_view name) {
  const bool ascending =
      name.size() != previous_.size() ? name.size() > previous_.size() : name > previous_;
  if (!ascending || names_ == expected_) {
    return Internal("name '{}' of dictionary {} comes out of order", name, label_);
  }
  previous_ = name;
  return Take(name);
}

// The next name, which must be new.
Status DictionaryWriter::Take(std::string_view name) {
  if (!name.empty()) {
    const size_t mask = slots_.size() - 1;
    size_t i = base::Fingerprint(name) & mask;
    while (slots_[i] != schema::kNone) i = (i + 1) & mask;
    slots_[i] = static_cast<uint32_t>(names_);
  }
  ++names_;
  size_ += name.size();
  UPNEXT_RETURN_IF_ERROR(bytes_.Append(name.data(), name.size()));
  return ends_.Add(size_);
}

Status DictionaryWriter::WriteTo(base::SectionWriter& writer) {
  if (names_ != expected_) {
    return Internal("dictionary {} should get {} names, got {}", label_, expected_, names_);
  }
  UPNEXT_RETURN_IF_ERROR(ends_.WriteTo(writer, label_ + ".offsets"));
  UPNEXT_RETURN_IF_ERROR(bytes_.WriteTo(writer, label_ + ".bytes", base::ElementType::kU8));
  UPNEXT_RETURN_IF_ERROR(writer.Add(label_ + ".slots", slots_));
  if (generations_.empty()) return Ok();
  return writer.Add(label_ + ".generations", generations_);
}

}  // namespace upnext::log
