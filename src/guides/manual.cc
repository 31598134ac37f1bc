#include "guides/manual.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace upnext::guides {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The cells of "| a | b |"; \| is part of a cell.
std::vector<std::string> CellsOf(std::string_view row) {
  std::vector<std::string> cells;
  std::string cell;
  for (size_t i = 1; i < row.size(); ++i) {
    if (row[i] == '\\' && i + 1 < row.size() && row[i + 1] == '|') {
      cell += row[++i];
    } else if (row[i] == '|') {
      cells.emplace_back(Trimmed(cell));
      cell.clear();
    } else {
      cell += row[i];
    }
  }
  return cells;
}

std::string RowEntry(const std::vector<std::string>& header, const std::vector<std::string>& row) {
  std::string out = fmt::format(".TP\n{}\n", RoffOfMarkdown(row.empty() ? "" : row[0]));
  if (row.empty() || row[0].empty()) out = ".TP\n\\ \n";
  std::string text, initial;
  for (size_t i = 1; i < row.size(); ++i) {
    if (row[i].empty()) continue;
    if (i < header.size() && header[i] == "default") {
      initial = fmt::format(" Default: {}.", RoffOfMarkdown(row[i]));
      continue;
    }
    if (!text.empty()) text += "; ";
    text += RoffOfMarkdown(row[i]);
  }
  if (!text.empty() && !initial.empty() && !text.ends_with('.')) text += '.';
  text += text.empty() ? initial.substr(std::min<size_t>(1, initial.size())) : initial;
  return out + (text.empty() ? "\\ " : text) + "\n";
}

// Where a list item's text begins, 0: the line is none.
size_t ItemAt(std::string_view line) {
  const size_t indent = line.find_first_not_of(' ');
  if (indent == std::string_view::npos) return 0;
  const std::string_view rest = line.substr(indent);
  if (rest.starts_with("- ")) return indent + 2;
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  return digits > 0 && rest.substr(digits).starts_with(". ") ? indent + digits + 2 : 0;
}

// Goes through the lines of a text and writes what they mean.
class Converter {
 public:
  explicit Converter(std::string_view text) : lines_(LinesOf(text)) {}

  std::string Convert() {
    while (at_ < lines_.size()) {
      const std::string_view line = lines_[at_];
      if (line.starts_with("```")) {
        Code();
      } else if (line.starts_with("|")) {
        TableRows();
      } else if (line.starts_with("    ") && paragraph_.empty() && !in_list_) {
        Indented();
      } else if (line.starts_with("#")) {
        Heading(line);
      } else if (Trimmed(line).empty()) {
        End();
        in_list_ = false;
      } else if (ItemAt(line) > 0) {
        Item(line);
      } else {
        if (!paragraph_.empty()) paragraph_ += ' ';
        paragraph_ += Trimmed(line);
      }
      ++at_;
    }
    End();
    return std::move(out_);
  }

 private:
  // Writes the paragraph so far.
  void End() {
    if (paragraph_.empty()) return;
    if (!in_list_) out_ += ".PP\n";
    out_ += RoffOfMarkdown(paragraph_) + "\n";
    paragraph_.clear();
  }
  void Heading(std::string_view line) {
    End();
    in_list_ = false;
    const size_t depth = line.find_first_not_of('#');
    if (depth < 2 || depth == std::string_view::npos) return;  // the title
    out_ += fmt::format(".{} {}\n", depth == 2 ? "SH" : "SS",
                        RoffOfMarkdown(Trimmed(line.substr(depth))));
  }
  void Item(std::string_view line) {
    End();
    in_list_ = true;
    const size_t text = ItemAt(line);
    const std::string_view mark = Trimmed(line.substr(0, text));
    out_ += fmt::format(".IP {} 4\n", mark == "-" ? "\\(bu" : mark);
    paragraph_ = Trimmed(line.substr(text));
  }
  void AppendCode(std::string_view line) { out_ += EscapedForRoff(line) + "\n"; }
  void Code() {
    End();
    out_ += ".PP\n.RS 4\n.EX\n";
    for (++at_; at_ < lines_.size() && !lines_[at_].starts_with("```"); ++at_) {
      AppendCode(lines_[at_]);
    }
    out_ += ".EE\n.RE\n";
  }
  void Indented() {
    out_ += ".PP\n.RS 4\n.EX\n";
    for (; at_ < lines_.size() && lines_[at_].starts_with("    "); ++at_) {
      AppendCode(lines_[at_].substr(4));
    }
    --at_;
    out_ += ".EE\n.RE\n";
  }
  void TableRows() {
    End();
    in_list_ = false;
    const std::vector<std::string> header = CellsOf(lines_[at_]);
    for (at_ += 2; at_ < lines_.size() && lines_[at_].starts_with("|"); ++at_) {
      out_ += RowEntry(header, CellsOf(lines_[at_]));
    }
    --at_;
  }

  std::vector<std::string_view> lines_;
  size_t at_ = 0;
  std::string out_, paragraph_;
  bool in_list_ = false;
};

}  // namespace

std::string EscapedForRoff(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '`':
        out += "\\`";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '\'':
        out += "\\(aq";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string RoffOfMarkdown(std::string_view line) {
  std::string out, plain;
  const auto flush = [&] {
    std::string text = EscapedForRoff(plain);
    if (!out.empty() && text.starts_with("\\&")) text.erase(0, 2);
    out += text;
    plain.clear();
  };
  const auto strong = [&](std::string_view words) {
    flush();
    out += fmt::format("\\fB{}\\fR", RoffOfMarkdown(words));
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const std::string_view rest = line.substr(i);
    if (const size_t end = rest.find('`', 1); rest[0] == '`' && end != std::string_view::npos) {
      flush();
      out += fmt::format("\\fB{}\\fR", EscapedForRoff(rest.substr(1, end - 1)));
      i += end;
    } else if (const size_t stars = rest.find("**", 2);
               rest.starts_with("**") && stars != std::string_view::npos) {
      strong(rest.substr(2, stars - 2));
      i += stars + 1;
    } else if (const size_t link = rest.find("](");
               rest[0] == '[' && link != rest.npos && rest.find(')', link) != rest.npos &&
               rest.substr(0, link).find("[", 1) == rest.npos) {
      flush();
      out += RoffOfMarkdown(rest.substr(1, link - 1));
      i += rest.find(')', link);
    } else {
      plain += line[i];
    }
  }
  flush();
  return out;
}

std::string ManualTitle(std::string_view name, int section, std::string_view version) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return fmt::format(".TH \"{}\" \"{}\" \"\" \"{}\" \"upnext\"\n.nh\n.ad l\n",
                     EscapedForRoff(upper), section, version);
}

std::string ManualOf(std::string_view markdown) { return Converter(markdown).Convert(); }

}  // namespace upnext::guides
