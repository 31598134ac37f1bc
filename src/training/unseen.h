// Whether the models of a bundle can be measured on the test part of a dataset: not if they may have
// learned from it, or been chosen by it.
//
//   UPNEXT_RETURN_IF_ERROR(CheckUnseen(*dataset, models.manifest(), project.logs()));
//
// A function of its arguments and of the logs' folder: any thread.
#ifndef UPNEXT_TRAINING_UNSEEN_H_
#define UPNEXT_TRAINING_UNSEEN_H_

#include "base/status.h"
#include "base/versioned_root.h"
#include "bundle/manifest.h"
#include "training/dataset.h"

namespace upnext::training {

// Of the validated models of the bundle, which have the dataset's labels. By time: the test part
// must begin where the bundle's began, or later. Leave-one-out: no user's test watch may lie before
// what trained or validated of this user, for which the bundle's own log is opened. Else
// kFailedPrecondition says why.
Status CheckUnseen(const Dataset& dataset, const bundle::Manifest& manifest,
                   const base::VersionedRoot& logs);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_UNSEEN_H_
