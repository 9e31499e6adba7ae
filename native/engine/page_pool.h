// Which pages of the cache are in use, and by how many nodes of the prefix tree.
#pragma once

#include <cstdint>
#include <vector>

namespace retrace {

class page_pool {
 public:
  explicit page_pool(int32_t pages);
  // A free page, now referred to once. Throws `capacity` when there is none.
  int32_t take();
  void retain(int32_t page);
  // Frees the page with its last reference.
  void release(int32_t page);
  int32_t references(int32_t page) const { return references_[page]; }
  int32_t free_pages() const { return static_cast<int32_t>(free_.size()); }
  int32_t pages() const { return static_cast<int32_t>(references_.size()); }

 private:
  std::vector<int32_t> references_;
  std::vector<int32_t> free_;
};

}  // namespace retrace
