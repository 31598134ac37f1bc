// Parameters in and out of section files (base/section_file.h). The caller chooses the file's kind
// and may keep other sections beside them.
//
//   UPNEXT_RETURN_IF_ERROR(SaveParameters(writer, parameters));
//   UPNEXT_RETURN_IF_ERROR(LoadParameters(file, parameters));
//
// Each parameter is two sections: NAME (f32, also of tables kept in bf16) and NAME.shape (u64).
#ifndef UPNEXT_NN_CHECKPOINT_H_
#define UPNEXT_NN_CHECKPOINT_H_

#include <span>

#include "base/section_file.h"
#include "base/status.h"
#include "nn/parameter.h"

namespace upnext::nn {

Status SaveParameters(base::SectionWriter& writer, std::span<const Parameter> parameters);
// Fills the values of `parameters` from sections of the same names and shapes. kNotFound when one
// is missing, kFailedPrecondition when its shape is another, kDataLoss when it holds NaN or
// infinity; in each case nothing is changed.
Status LoadParameters(const base::SectionFile& file, std::span<const Parameter> parameters);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_CHECKPOINT_H_
