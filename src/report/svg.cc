#include "report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/append_format.h"

namespace upnext::report {
namespace {

constexpr size_t kColours = 6;  // classes s0 .. s5

// 1, 2 or 5 times a power of ten, so that about `ticks` steps cover `top`.
double TickStep(double top, int ticks) {
  const double raw = top / ticks;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (raw <= factor * power * 1.0001) return factor * power;
  }
  return 10 * power;
}

std::string Open(double width, double height, const std::string& title) {
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><title>{}</title>\n", width,
      height, Escaped(title), Escaped(title));
}

// The frame of a line plot, and the mapping from data to pixels.
class Axes {
 public:
  static constexpr double kWidth = 460, kHeight = 300, kLeft = 52, kRight = 12, kTop = 14,
                          kBottom = 44;

  Axes(const LinePlotOptions& options) : log_(options.log_x) {
    bool any = false;
    for (const Line& line : options.lines) {
      for (const auto& [x, y] : line.points) {
        low_x_ = any ? std::min(low_x_, x) : x;
        high_x_ = any ? std::max(high_x_, x) : x;
        bottom_ = any ? std::min(bottom_, y) : y;
        top_ = any ? std::max(top_, y) : y;
        any = true;
      }
    }
    if (options.from_zero) bottom_ = 0;
    if (options.from_zero && !log_) low_x_ = 0;
    if (options.diagonal) high_x_ = top_ = std::max(high_x_, top_);
    if (!(high_x_ > low_x_)) high_x_ = low_x_ + 1;
    top_ = top_ > bottom_ ? bottom_ + (top_ - bottom_) * 1.05 : bottom_ + 1;
  }
  double X(double x) const {
    const double share = log_ ? std::log(x / low_x_) / std::log(high_x_ / low_x_)
                              : (x - low_x_) / (high_x_ - low_x_);
    return kLeft + share * (kWidth - kLeft - kRight);
  }
  double Y(double y) const {
    return kHeight - kBottom - (y - bottom_) / (top_ - bottom_) * (kHeight - kTop - kBottom);
  }

  void Draw(const LinePlotOptions& options, std::string* out) const {
    const double step = TickStep(top_ - bottom_, 5);
    for (double y = std::ceil(bottom_ / step) * step; y <= top_ + step * 0.001; y += step) {
      AppendFormat(out, "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>",
                   kLeft, kWidth - kRight, Y(y), Y(y));
      AppendFormat(out, "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g}</text>\n",
                   kLeft - 6, Y(y) + 4, y);
    }
    for (const double x : XTicks(options)) {
      AppendFormat(out, "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{:.4g}</text>\n", X(x),
                   kHeight - kBottom + 16, x);
    }
    AppendFormat(out, "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                 (kLeft + kWidth - kRight) / 2, kHeight - 8, Escaped(options.x_label));
    AppendFormat(out,
                 "<text class=\"axis\" transform=\"translate(12 {}) rotate(-90)\" "
                 "text-anchor=\"middle\">{}</text>\n",
                 (kTop + kHeight - kBottom) / 2, Escaped(options.y_label));
  }
  double diagonal_end() const { return std::min(high_x_, top_); }

 private:
  std::vector<double> XTicks(const LinePlotOptions& options) const {
    std::vector<double> ticks;
    if (log_) {
      for (const auto& [x, y] : options.lines.front().points) ticks.push_back(x);
      return ticks;
    }
    const double step = TickStep(high_x_ - low_x_, 5);
    for (double x = std::ceil(low_x_ / step) * step; x <= high_x_ + step * 0.001; x += step) {
      ticks.push_back(x);
    }
    return ticks;
  }
  bool log_;
  double low_x_ = 0, high_x_ = 1, bottom_ = 0, top_ = 1;
};

std::string Legend(const std::vector<Line>& lines) {
  std::string out = "<p class=\"legend\">";
  for (size_t i = 0; i < lines.size(); ++i) {
    AppendFormat(&out, "<span class=\"s{}\">&#9632;</span> {} ", i % kColours,
                 Escaped(lines[i].label));
  }
  return out + "</p>\n";
}

}  // namespace

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string BarPlot(const BarPlotOptions& options) {
  constexpr double kWidth = 460, kName = 120, kNumber = 62, kRow = 26;
  double top = 0;
  for (const Bar& bar : options.bars) {
    top = std::max({top, bar.value, std::isnan(bar.high) ? 0.0 : bar.high});
  }
  const double scale = top > 0 ? (kWidth - kName - kNumber) / top : 0;
  std::string out =
      Open(kWidth, kRow * static_cast<double>(options.bars.size()) + 4, options.title);
  double y = 2;
  for (size_t i = 0; i < options.bars.size(); ++i, y += kRow) {
    const Bar& bar = options.bars[i];
    const double end = kName + scale * std::max(bar.value, 0.0);
    AppendFormat(&out, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kName - 6, y + 16,
                 Escaped(bar.label));
    AppendFormat(&out, "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"16\"/>",
                 i == 0 ? "s0" : "s1", kName, y + 3, end - kName);
    double label = end;
    if (!std::isnan(bar.low) && !std::isnan(bar.high)) {
      label = std::max(end, kName + scale * bar.high);
      AppendFormat(&out,
                   "<line class=\"whisker\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>",
                   kName + scale * bar.low, kName + scale * bar.high, y + 11, y + 11);
    }
    AppendFormat(&out, "<text x=\"{:.1f}\" y=\"{}\">{:.{}f}</text>\n", label + 5, y + 16, bar.value,
                 options.digits);
  }
  return out + "</svg>\n";
}

std::string LinePlot(const LinePlotOptions& options) {
  if (options.lines.empty() || options.lines.front().points.empty()) return "";
  const Axes axes(options);
  std::string out = Open(Axes::kWidth, Axes::kHeight, options.title);
  axes.Draw(options, &out);
  if (options.diagonal) {
    const double end = axes.diagonal_end();
    AppendFormat(
        &out,
        "<line class=\"diagonal\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
        axes.X(0), axes.Y(0), axes.X(end), axes.Y(end));
  }
  for (size_t i = 0; i < options.lines.size(); ++i) {
    std::string points;
    for (const auto& [x, y] : options.lines[i].points) {
      AppendFormat(&points, "{:.1f},{:.1f} ", axes.X(x), axes.Y(y));
    }
    if (options.lines[i].connected) {
      AppendFormat(&out, "<polyline class=\"s{}\" points=\"{}\"/>\n", i % kColours, points);
    }
    for (const auto& [x, y] : options.lines[i].points) {
      AppendFormat(&out, "<circle class=\"s{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>",
                   i % kColours, axes.X(x), axes.Y(y));
    }
    out += "\n";
  }
  out += "</svg>\n";
  return options.lines.size() > 1 ? out + Legend(options.lines) : out;
}

}  // namespace upnext::report
