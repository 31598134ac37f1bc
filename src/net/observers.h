// Where answered requests are noted: the request log and the exporter of traces, as far as the options ask for them.
//
//   UPNEXT_ASSIGN_OR_RETURN(access.observers, Observers::Open(options));        null: neither
//   observers->Note(record);
//
// Any number of threads.
#ifndef UPNEXT_NET_OBSERVERS_H_
#define UPNEXT_NET_OBSERVERS_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "net/request_log.h"
#include "net/request_record.h"
#include "net/server_options.h"
#include "net/trace_exporter.h"

namespace upnext::net {

class Observers {
 public:
  // kInvalidArgument for an address of a collector that is none.
  static Result<std::shared_ptr<Observers>> Open(const ServerOptions& options);
  void Note(const RequestRecord& record);
  std::string Metrics() const;  // what was lost, in Prometheus' text format

 private:
  std::unique_ptr<RequestLog> log_;
  std::unique_ptr<TraceExporter> traces_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_OBSERVERS_H_
