#include "base/progress.h"

namespace upnext::base {
namespace {

class SilentProgress : public Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
};

}  // namespace

Progress& NoProgress() {
  static SilentProgress progress;
  return progress;
}

}  // namespace upnext::base
