// A bundle, usually the current one, together with a log whose ids it knows.
//
//   UPNEXT_ASSIGN_OR_RETURN(const OpenedBundle opened,
//                           OpenCurrent(bundles, logs, signals, LogChoice::kNewest));
//
// Immutable once it is opened: any number of threads.
#ifndef UPNEXT_BUNDLE_OPENED_BUNDLE_H_
#define UPNEXT_BUNDLE_OPENED_BUNDLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "bundle/validated_models.h"
#include "features/positive_rule.h"
#include "features/signal_options.h"
#include "log/event_log.h"

namespace upnext::bundle {

struct OpenedBundle {
  log::EventLog log;
  std::unique_ptr<Bundle> bundle;
  features::PositiveRule rule = {};  // that its models were trained with; states are folded by it
};

// kNotFound: the error of a project without a bundle.
std::unexpected<Error> NoBundleYet(const base::VersionedRoot& bundles);

// Which log: the one that the bundle was trained on, to evaluate it, or the newest (LogToServe),
// for feeds.
enum class LogChoice : uint8_t { kTrainedOn, kNewest };

// kNotFound says to run train; kFailedPrecondition when the training's rule is not one that
// `signals` could have given.
Result<OpenedBundle> OpenCurrent(const base::VersionedRoot& bundles,
                                 const base::VersionedRoot& logs,
                                 const features::SignalOptions& signals, LogChoice choice);

// The same for the bundle of that version, current or not.
Result<OpenedBundle> OpenVersion(const base::VersionedRoot& bundles, std::string_view version,
                                 const base::VersionedRoot& logs,
                                 const features::SignalOptions& signals, LogChoice choice);

// The same with that version of the log; kFailedPrecondition when it does not continue the one of the training.
Result<OpenedBundle> OpenVersions(const base::VersionedRoot& bundles, std::string_view version,
                                  const base::VersionedRoot& logs, std::string_view log_version,
                                  const features::SignalOptions& signals);

// The validated models of the current bundle, and the log that they were trained on.
struct OpenedModels {
  log::EventLog log;
  std::unique_ptr<ValidatedModels> models;
  features::PositiveRule rule = {};
};
// Fails as OpenCurrent.
Result<OpenedModels> OpenCurrentValidated(const base::VersionedRoot& bundles,
                                          const base::VersionedRoot& logs,
                                          const features::SignalOptions& signals);

// The version of the log that a bundle is served with: the newest one, up to the current, that
// continues the one that the bundle was trained on (an append, or an import of everything that kept
// the numbers) or is that one, so that its events, flags and histories count. Ids that the bundle
// does not know are unknown to it, like those of posted events.
Result<std::string> LogToServe(const base::VersionedRoot& logs, const Manifest& manifest);

// Which versions feeds are made of now, "" for what there is not yet.
struct ServedVersions {
  std::string bundle, log;  // the current bundle, and its LogToServe
  std::string newest_log;   // the current log
  // What to know about a log that is newer than the one served, "" when there is none.
  std::string Note() const;
};
// Reads names and manifests, and opens nothing.
Result<ServedVersions> VersionsToServe(const base::VersionedRoot& bundles,
                                       const base::VersionedRoot& logs);

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_OPENED_BUNDLE_H_
