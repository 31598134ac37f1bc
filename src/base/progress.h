// Progress reports of long-running work. Library code reports to a Progress; only the command line
// displays it.
//
//   ProgressStage stage(progress, "train candidate model", "examples", total);
//   stage.Update(done, fmt::format("loss {:.4f}", loss));      // cheap: call it for every item
#ifndef UPNEXT_BASE_PROGRESS_H_
#define UPNEXT_BASE_PROGRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace upnext::base {

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void Begin(std::string_view stage, std::string_view unit,
                     uint64_t total) = 0;  // 0: unknown
  virtual void Update(uint64_t done, std::string_view note) = 0;
  virtual void End() = 0;
  // One line of information or warning about the stage, e.g. "3 rows rejected".
  virtual void Note(std::string_view line) = 0;
  // True after the user has asked to stop (^C). Long loops then return kCancelled soon.
  virtual bool stop_requested() const { return false; }
};

// A Progress that discards everything.
Progress& NoProgress();

class ProgressStage {
 public:
  ProgressStage(Progress& progress, std::string_view stage, std::string_view unit, uint64_t total)
      : progress_(progress) {
    progress_.Begin(stage, unit, total);
  }
  ~ProgressStage() { progress_.End(); }
  ProgressStage(const ProgressStage&) = delete;
  ProgressStage& operator=(const ProgressStage&) = delete;
  void Update(uint64_t done, std::string_view note = {}) { progress_.Update(done, note); }

 private:
  Progress& progress_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_PROGRESS_H_
