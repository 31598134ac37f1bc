// A network that is a function, for tests of those that run one.
#ifndef UPNEXT_ONNX_TEST_NETWORK_H_
#define UPNEXT_ONNX_TEST_NETWORK_H_

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/status.h"
#include "onnx/tensor_model.h"

namespace upnext::onnx {

using NetworkFunction = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

inline Tensor Floats(std::vector<int64_t> shape, std::vector<float> values) {
  return {.shape = std::move(shape), .values = std::move(values)};
}

// Keeps what it was given. Without a function it fails.
class FakeNetwork : public TensorModel {
 public:
  FakeNetwork(std::vector<TensorPort> inputs, std::vector<TensorPort> outputs,
              NetworkFunction compute, std::vector<Tensor>* given)
      : inputs_(std::move(inputs)),
        outputs_(std::move(outputs)),
        compute_(std::move(compute)),
        given_(given) {}
  const std::vector<TensorPort>& inputs() const override { return inputs_; }
  const std::vector<TensorPort>& outputs() const override { return outputs_; }
  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs,
                                  std::span<const size_t> wanted) const override {
    given_->assign(inputs.begin(), inputs.end());
    if (!compute_) return Internal("out of order");
    const std::vector<Tensor> all = compute_(inputs);
    std::vector<Tensor> outputs;
    for (const size_t output : wanted) outputs.push_back(all[output]);
    return outputs;
  }

 private:
  const std::vector<TensorPort> inputs_, outputs_;
  const NetworkFunction compute_;
  std::vector<Tensor>* const given_;
};

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_TEST_NETWORK_H_
