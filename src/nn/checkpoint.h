// Writes parameters to section files (base/section_file.h) and reads them. The caller chooses the
// file's kind and may store other sections in the same file.
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
// is missing, kFailedPrecondition when its shape differs, kDataLoss when it contains NaN or
// infinity; on failure nothing is changed.
Status LoadParameters(const base::SectionFile& file, std::span<const Parameter> parameters);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_CHECKPOINT_H_
