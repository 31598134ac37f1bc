// A bundle of small models that were trained on a log, for tests.
#ifndef UPNEXT_STUDIES_TEST_BUNDLE_H_
#define UPNEXT_STUDIES_TEST_BUNDLE_H_

#include <filesystem>
#include <memory>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "log/event_log.h"
#include "studies/live_engine.h"
#include "studies/models.h"
#include "training/serving_parts.h"
#include "training/train.h"

namespace upnext::studies {

inline Result<std::unique_ptr<bundle::Bundle>> TinyBundleOf(const log::EventLog& log,
                                                            const std::filesystem::path& folder,
                                                            base::ThreadPool& pool) {
  const training::Options options = TrainingOf(Scale::kTiny, 1);
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained, TrainOn(log, options, pool, base::NoProgress()));
  const training::Models models = trained.models.models();
  UPNEXT_ASSIGN_OR_RETURN(const auto serving,
                          training::ServingParts::Learn(*trained.dataset, models, options.train,
                                                        pool, base::NoProgress()));
  return OpenBundleOf(serving.Of(models), log, folder);
}

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_TEST_BUNDLE_H_
