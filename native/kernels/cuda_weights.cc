// Weights on their way to the device: converted to bfloat16 and put into their rows there, so that the host only copies.
//
// Rows in host memory, such as a mapped file, go through a ring of pinned buffers: while one crosses to the GPU, the next
// is filled. What they land in on the device is one buffer, as the stream does one thing after another.
#include <algorithm>
#include <cstring>

#include "cuda_device.h"

namespace retrace::cuda {
namespace {

size_t element_bytes(retrace_dtype dtype) { return dtype == RETRACE_F32 ? 4 : 2; }

int make_ring(cuda_device &d) {
  weight_ring &ring = d.ring;
  if (ring.staging == nullptr) RETRACE_PASS_ON(take(d, "staging of weights", weight_ring::bytes, &ring.staging));
  for (int i = 0; i < weight_ring::buffers; i++) {
    if (ring.pinned[i] == nullptr) {
      RETRACE_PASS_ON(
          d.errors.check_allocation(cudaHostAlloc(&ring.pinned[i], weight_ring::bytes, cudaHostAllocDefault),
                                    "pinned host memory for weights", weight_ring::bytes, __FILE__, __LINE__));
    }
    if (ring.copied[i] == nullptr) {
      RETRACE_CUDA_CHECK(d.errors, cudaEventCreateWithFlags(&ring.copied[i], cudaEventDisableTiming));
    }
  }
  return RETRACE_DEVICE_OK;
}

// Up to `weight_ring::bytes` from host memory to the staging buffer.
int stage(cuda_device &d, const void *source, size_t bytes) {
  weight_ring &ring = d.ring;
  const int i = ring.next;
  ring.next = (i + 1) % weight_ring::buffers;
  if (ring.in_use[i]) RETRACE_CUDA_CHECK(d.errors, cudaEventSynchronize(ring.copied[i]));
  ring.in_use[i] = false;
  std::memcpy(ring.pinned[i], source, bytes);
  RETRACE_CUDA_CHECK(d.errors, cudaMemcpyAsync(ring.staging, ring.pinned[i], bytes, cudaMemcpyDefault, d.stream));
  RETRACE_CUDA_CHECK(d.errors, cudaEventRecord(ring.copied[i], d.stream));
  ring.in_use[i] = true;
  return RETRACE_DEVICE_OK;
}

// Where source rows [row, row + count) go: a whole number of blocks, or a part of one block.
struct piece {
  int64_t count, first_row, block, stride;
};
piece next_piece(int64_t row, int64_t left, int64_t most, int64_t first_row, int64_t block, int64_t stride) {
  const int64_t target = first_row + row / block * stride + row % block;
  if (block < most && row % block == 0) return {std::min(left, most / block * block), target, block, stride};
  const int64_t count = std::min({left, most, block - row % block});
  return {count, target, count, count};
}

}  // namespace

int write_weight(cuda_device &d, retrace_weight *weight, const void *source, retrace_dtype dtype, int64_t count,
                 int64_t first_row, int64_t block, int64_t stride) {
  if (count == 0) return RETRACE_DEVICE_OK;
  const int64_t last_row = block < 1 ? -1 : first_row + (count - 1) / block * stride + (count - 1) % block;
  if (count < 0 || first_row < 0 || block < 1 || last_row >= weight->rows) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "%lld rows from row %lld on, in blocks of %lld that are %lld apart, do not fit into a "
                             "weight of %lld rows. This is a fault of the caller: report it.",
                             static_cast<long long>(count), static_cast<long long>(first_row),
                             static_cast<long long>(block), static_cast<long long>(stride),
                             static_cast<long long>(weight->rows));
  }
  bf16 *target = static_cast<bf16 *>(weight->data);
  cudaPointerAttributes where{};
  RETRACE_CUDA_CHECK(d.errors, cudaPointerGetAttributes(&where, source));
  if (where.type == cudaMemoryTypeDevice || where.type == cudaMemoryTypeManaged) {
    RETRACE_CUDA_CHECK(d.errors, launch_convert_rows(d.stream, source, dtype, count, weight->columns, first_row, block,
                                                     stride, target));
    return synchronize(d);  // the caller may free the source when this returns
  }

  RETRACE_PASS_ON(make_ring(d));
  const size_t row_bytes = static_cast<size_t>(weight->columns) * element_bytes(dtype);
  const int64_t most = static_cast<int64_t>(weight_ring::bytes / row_bytes);
  if (most < 1) {
    return RETRACE_CUDA_FAIL(d.errors, RETRACE_DEVICE_UNSUPPORTED,
                             "A weight's row of %zu bytes is too long: at most %zu.", row_bytes, weight_ring::bytes);
  }
  for (int64_t row = 0; row < count;) {
    const piece p = next_piece(row, count - row, most, first_row, block, stride);
    RETRACE_PASS_ON(stage(d, static_cast<const char *>(source) + static_cast<size_t>(row) * row_bytes,
                          static_cast<size_t>(p.count) * row_bytes));
    RETRACE_CUDA_CHECK(d.errors, launch_convert_rows(d.stream, d.ring.staging, dtype, p.count, weight->columns,
                                                     p.first_row, p.block, p.stride, target));
    row += p.count;
  }
  return RETRACE_DEVICE_OK;
}

int randomize_weight(cuda_device &d, retrace_weight *weight, uint64_t seed, float scale) {
  RETRACE_CUDA_CHECK(d.errors, launch_randomize(d.stream, static_cast<bf16 *>(weight->data),
                                                weight->rows * weight->columns, seed, scale));
  return RETRACE_DEVICE_OK;
}

void release_ring(cuda_device &d) {
  weight_ring &ring = d.ring;
  if (!d.errors.is_lost() && ring.staging != nullptr) {
    if (cudaStreamSynchronize(d.stream) != cudaSuccess) (void)cudaGetLastError();
    for (int i = 0; i < weight_ring::buffers; i++) {
      if (ring.copied[i] != nullptr && cudaEventDestroy(ring.copied[i]) != cudaSuccess) (void)cudaGetLastError();
      if (ring.pinned[i] != nullptr && cudaFreeHost(ring.pinned[i]) != cudaSuccess) (void)cudaGetLastError();
    }
  }
  give_back(d, ring.staging);
  ring = {};
}

}  // namespace retrace::cuda
