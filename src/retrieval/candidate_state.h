// What a training of the candidate model knows apart from the model: optimisers, the weights next to
// averages, where negatives and dropout are drawn from; of an ensemble, of each of its models. A later
// training continues from it (TR-02).
//
//   CandidateState state;
//   state.Keep(parameters, trainer.rng());                             // copies
//   UPNEXT_RETURN_IF_ERROR(state.Save(path, features_digest));
//   UPNEXT_ASSIGN_OR_RETURN(state, CandidateState::Load(path, features_digest));
//   UPNEXT_RETURN_IF_ERROR(state.Restore(member, parameters, &trainer.rng()));
//
// A plain value: any number of threads may read it.
#ifndef UPNEXT_RETRIEVAL_CANDIDATE_STATE_H_
#define UPNEXT_RETRIEVAL_CANDIDATE_STATE_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "nn/parameter.h"

namespace upnext::retrieval {

// Of its section file.
inline constexpr std::string_view kCandidateStateKind = "candidate-state";
inline constexpr uint32_t kCandidateStateVersion = 2;

class CandidateState {
 public:
  // Of the next model: the first call is of the first.
  void Keep(std::span<const nn::Parameter> parameters, const base::Rng& rng);
  void Append(CandidateState of_next);  // which has kept that of one model
  // Replaces the beginning of each parameter: what has grown keeps its new rows. kFailedPrecondition
  // when the state has other parameters, or larger ones; then nothing has changed.
  Status Restore(uint32_t member, std::span<const nn::Parameter> parameters, base::Rng* rng) const;
  uint32_t members() const { return static_cast<uint32_t>(random_.size()); }

  // The preset that was trained, which the project file may leave to a search.
  const std::string& preset() const { return preset_; }
  void set_preset(std::string preset) { preset_ = std::move(preset); }

  // A section file (docs/formats/candidate_model.md), bound to the statistics of its model. Load:
  // kFailedPrecondition when it is of another model, kDataLoss when it is damaged.
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const;
  static Result<CandidateState> Load(const std::filesystem::path& path, uint64_t features_digest);

 private:
  struct Values {
    uint64_t member;
    std::string name;  // "tower.steps"
    std::vector<float> values;
  };
  std::string preset_;
  std::vector<Values> values_;
  std::vector<std::array<uint64_t, 4>> random_;  // by member
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CANDIDATE_STATE_H_
