#include "retrieval/candidate_state.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/section_file.h"
#include "kernels/vector_ops.h"

namespace upnext::retrieval {

void CandidateState::Keep(std::span<const nn::Parameter> parameters, const base::Rng& rng) {
  for (const nn::Parameter& one : parameters) {
    values_.push_back({random_.size(), one.name, {one.value.begin(), one.value.end()}});
  }
  random_.push_back(rng.state());
}

void CandidateState::Append(CandidateState of_next) {
  for (Values& one : of_next.values_) {
    one.member = random_.size();
    values_.push_back(std::move(one));
  }
  random_.push_back(of_next.random_.front());
}

Status CandidateState::Restore(uint32_t member, std::span<const nn::Parameter> parameters,
                               base::Rng* rng) const {
  if (member >= members()) {
    return FailedPrecondition(
        "the state of the candidate model's training is of {} models, expected {} or more; train "
        "without --continue",
        members(), member + 1);
  }
  std::vector<const std::vector<float>*> found;
  for (const nn::Parameter& one : parameters) {
    const auto at = std::ranges::find_if(values_, [&](const Values& values) {
      return values.member == member && values.name == one.name;
    });
    if (at == values_.end() || at->values.size() > one.size()) {
      return FailedPrecondition(
          "the state of the candidate model's training has {} numbers of {}, expected 1 to {}; train "
          "without --continue",
          at == values_.end() ? 0 : at->values.size(), one.name, one.size());
    }
    found.push_back(&at->values);
  }
  for (size_t i = 0; i < found.size(); ++i) nn::WriteValues(parameters[i], 0, *found[i]);
  rng->set_state(random_[member]);
  return Ok();
}

Status CandidateState::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  UPNEXT_ASSIGN_OR_RETURN(
      base::SectionWriter writer,
      base::SectionWriter::Create(path, kCandidateStateKind, kCandidateStateVersion));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("features_digest", std::span(&features_digest, 1)));
  UPNEXT_RETURN_IF_ERROR(writer.AddText("preset", preset_));
  std::vector<std::string> names;
  std::vector<uint64_t> members, sizes, random;
  for (const Values& one : values_) {
    members.push_back(one.member);
    names.push_back(one.name);
    sizes.push_back(one.values.size());
  }
  for (const std::array<uint64_t, 4>& state : random_) {
    random.insert(random.end(), state.begin(), state.end());
  }
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "names", names));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("members", members));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("sizes", sizes));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("random", random));
  UPNEXT_RETURN_IF_ERROR(writer.Begin("values", base::ElementTypeOf<float>()));
  for (const Values& one : values_) {
    UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(one.values))));
  }
  UPNEXT_RETURN_IF_ERROR(writer.End());
  return writer.Commit();
}

Result<CandidateState> CandidateState::Load(const std::filesystem::path& path,
                                            uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile file,
                          base::SectionFile::Open(path, kCandidateStateKind, kCandidateStateVersion,
                                                  "train without --continue"));
  UPNEXT_ASSIGN_OR_RETURN(const auto digest, file.Get<uint64_t>("features_digest", 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: belongs to a candidate model with feature tables of digest {:016x}, but that at hand "
        "has {:016x}; train without --continue",
        path.string(), digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view preset, file.GetText("preset"));
  UPNEXT_ASSIGN_OR_RETURN(const base::StringTable names, base::StringTable::Get(file, "names"));
  UPNEXT_ASSIGN_OR_RETURN(const auto members, file.Get<uint64_t>("members", names.size()));
  UPNEXT_ASSIGN_OR_RETURN(const auto sizes, file.Get<uint64_t>("sizes", names.size()));
  UPNEXT_ASSIGN_OR_RETURN(const auto random, file.Get<uint64_t>("random"));
  UPNEXT_ASSIGN_OR_RETURN(const auto values, file.Get<float>("values"));
  CandidateState state;
  state.preset_ = preset;
  std::span<const float> rest = values;
  for (size_t i = 0; i < names.size() && sizes[i] <= rest.size(); ++i) {
    const std::span<const float> of_name = rest.first(sizes[i]);
    state.values_.push_back({members[i], std::string(names[i]), {of_name.begin(), of_name.end()}});
    rest = rest.subspan(sizes[i]);
  }
  for (size_t i = 0; i + 4 <= random.size(); i += 4) {
    state.random_.push_back({random[i], random[i + 1], random[i + 2], random[i + 3]});
  }
  if (state.values_.size() != names.size() || !rest.empty() || random.size() % 4 != 0 ||
      !kernels::AllFinite(values.data(), values.size())) {
    return DataLoss(
        "{}: expected {} lists of finite numbers, {} of them in all, and 4 words of random state for "
        "each model, found others; train without --continue",
        path.string(), names.size(), values.size());
  }
  return state;
}

}  // namespace upnext::retrieval
