"""One page, one module; what pages share stands beside them."""
