// What turns features of a user into a vector: one half of a candidate model, the other is the item
// table. Each encoder is a file; the registry in user_encoder.cc lists them.
//
//   auto encoder = MakeUserEncoder(options, shape, std::move(tables), rng);
//   std::unique_ptr<EncoderScratch> scratch;                 // serving: many threads, one each
//   encoder->Encode(batch, users, scratch, compute);         // [batch.rows, dim]
//   auto training = encoder->MakeTraining(dropout, pool);    // one thread, which the pool helps
//
// The encoder must outlive its training and not move.
#ifndef UPNEXT_RETRIEVAL_USER_ENCODER_H_
#define UPNEXT_RETRIEVAL_USER_ENCODER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "kernels/gemm.h"
#include "nn/dead_units.h"
#include "nn/embedding_table.h"
#include "nn/graph.h"
#include "nn/optimizer.h"
#include "nn/parameter.h"
#include "retrieval/candidate_options.h"

namespace upnext::retrieval {

// The work space of Encode. Only the encoder that made it knows its content.
struct EncoderScratch {
  virtual ~EncoderScratch() = default;
};
// As a T, replaced when it is another's.
template <typename T>
T& ScratchOf(std::unique_ptr<EncoderScratch>& scratch) {
  if (dynamic_cast<T*>(scratch.get()) == nullptr) scratch = std::make_unique<T>();
  return static_cast<T&>(*scratch);
}

struct EncoderDropout {
  float input = 0.0f;  // of embeddings and hidden values
  float bags = 0.0f;   // share of the ids that each list loses
};

// The loss of examples [begin, begin + n), begin a multiple of 32: reads users [n, dim] as floats and
// as an operand, overwrites their gradient d_users [n, dim]. May be called on any thread.
using UserLoss = std::function<void(size_t begin, size_t n, const float* users,
                                    kernels::OperandView operand, float* d_users)>;

// Computes an encoder's gradients, one batch after another.
class EncoderTraining {
 public:
  virtual ~EncoderTraining() = default;
  // Starts a batch, which must stay as it is until its gradients are used. Randomness is drawn here;
  // the tasks that are appended must run before Run.
  virtual void Begin(const features::FeatureBlock& batch, kernels::Precision precision,
                     base::Rng& rng, base::Tasks& tasks) = 0;
  // After Begin, on any thread: adds to `step` what refers to the gradients of a table's rows. They
  // are there after Run.
  virtual void AddRowGradients(size_t table, nn::RowStep& step) = 0;
  // Computes user vectors, gives all of them to `loss` and computes the gradients of the rows.
  virtual void Run(const UserLoss& loss) = 0;
  // After Run: the users of the batch [batch, dim], until the next Begin.
  virtual const float* users() const = 0;
  virtual kernels::OperandView user_operand() const = 0;
  // After Run: appends tasks that add to the gradients of the parameters, divided into about `pieces`.
  virtual void AppendGradients(size_t pieces, base::Tasks& tasks) = 0;
  virtual std::vector<nn::DeadUnits*> ReluLayers() = 0;  // TR-05
};

class UserEncoder {
 public:
  // `tables`: as the tables of the shape's inputs.
  explicit UserEncoder(std::vector<nn::EmbeddingTable> tables) : tables_(std::move(tables)) {}
  virtual ~UserEncoder() = default;
  std::vector<nn::EmbeddingTable>& tables() { return tables_; }
  const std::vector<nn::EmbeddingTable>& tables() const { return tables_; }

  // out [batch.rows, dim].
  virtual void Encode(const features::FeatureBlock& batch, float* out,
                      std::unique_ptr<EncoderScratch>& scratch,
                      const nn::Compute& compute) const = 0;
  // The same as operations; `bags`: the categorical features, in the order of the shape; `numbers`
  // [queries, numbers of a block], empty without numbers.
  virtual nn::Graph::Value AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                                    const nn::Graph::Value& numbers) const = 0;
  // Those that are not in the tables.
  virtual void AppendParameters(std::vector<nn::Parameter>& parameters) = 0;
  virtual size_t multiplications() const = 0;  // of one user
  // Whether training is cheaper for rows of one user next to each other in the order of time.
  virtual bool reads_sequences() const { return false; }
  virtual std::unique_ptr<EncoderTraining> MakeTraining(const EncoderDropout& dropout,
                                                        base::ThreadPool& pool) = 0;

 private:
  std::vector<nn::EmbeddingTable> tables_;
};

std::vector<std::string> EncoderNames();
// CheckEncoder found nothing. `tables` as the inputs of the shape.
std::unique_ptr<UserEncoder> MakeUserEncoder(const CandidateModelOptions& options,
                                             const CandidateShape& shape,
                                             std::vector<nn::EmbeddingTable> tables,
                                             base::Rng& rng);
// kFailedPrecondition for inputs or sizes that the encoder cannot have.
Status CheckEncoder(const CandidateModelOptions& options, const CandidateShape& shape);
// Numbers in its weights, at least, without making it: what untrusted options ask for.
double WeightsOf(const CandidateModelOptions& options, const CandidateShape& shape);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_USER_ENCODER_H_
