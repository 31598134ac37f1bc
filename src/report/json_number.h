// Numbers of reports in JSON, which has no not-a-number: null. Only this room includes it.
#ifndef UPNEXT_REPORT_JSON_NUMBER_H_
#define UPNEXT_REPORT_JSON_NUMBER_H_

#include <cmath>
#include <nlohmann/json.hpp>

namespace upnext::report {

inline nlohmann::ordered_json NumberJson(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}
inline double ReadNumber(const nlohmann::ordered_json& json) {
  return json.is_null() ? std::nan("") : json.get<double>();
}

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_JSON_NUMBER_H_
