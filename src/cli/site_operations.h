// What the operator of a running server can do through its API (net/admin.h), on a project.
//
//   api.SetOperations(OperationsOf(settings, follower, store));
//
// Any number of threads call what is returned; settings and follower outlive it.
#ifndef UPNEXT_CLI_SITE_OPERATIONS_H_
#define UPNEXT_CLI_SITE_OPERATIONS_H_

#include <memory>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/status.h"
#include "net/admin.h"
#include "project/project.h"
#include "serving/follower.h"
#include "store/store.h"

namespace upnext::cli {

net::Operations OperationsOf(const api::Settings& settings, serving::Follower& follower,
                             std::shared_ptr<const store::Store> store);

// The published bundles with the main figures of their reports, oldest first.
Result<std::vector<net::BundleVersion>> BundlesOf(const project::Project& project);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_SITE_OPERATIONS_H_
