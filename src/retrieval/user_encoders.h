// The user encoders, for the registry alone: each is defined in a file of its name. Options and shape
// were checked by the caller.
#ifndef UPNEXT_RETRIEVAL_USER_ENCODERS_H_
#define UPNEXT_RETRIEVAL_USER_ENCODERS_H_

#include <memory>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "nn/embedding_table.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

using UserEncoderMaker = std::unique_ptr<UserEncoder>(const CandidateModelOptions&,
                                                      const CandidateShape&,
                                                      std::vector<nn::EmbeddingTable>, base::Rng&);
using UserEncoderCheck = Status(const CandidateModelOptions&, const CandidateShape&);
using UserEncoderWeights = double(const CandidateModelOptions&, const CandidateShape&);

// Covington 2016: pooled lists and numbers, and a tower above them.
UserEncoderMaker MakeBagEncoder;
UserEncoderCheck CheckBagEncoder;
UserEncoderWeights WeightsOfBagEncoder;

// Kang and McAuley 2018: causal self-attention over the newest items in their order.
UserEncoderMaker MakeAttentionEncoder;
UserEncoderCheck CheckAttentionEncoder;
UserEncoderWeights WeightsOfAttentionEncoder;

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_USER_ENCODERS_H_
