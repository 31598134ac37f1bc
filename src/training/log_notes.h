// What a training on a log means, in lines for people: they are said before it and are part of the report.
//
//   for (const std::string& note : NotesOnLog(*dataset, log, options)) progress.Note(note);
//
// A function of its arguments: any thread.
#ifndef UPNEXT_TRAINING_LOG_NOTES_H_
#define UPNEXT_TRAINING_LOG_NOTES_H_

#include <string>
#include <vector>

#include "log/event_log.h"
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

// What counts as positive, which features and settings have no use on this log, what was widened.
std::vector<std::string> NotesOnLog(const Dataset& dataset, const log::EventLog& log,
                                    const Options& options);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_LOG_NOTES_H_
