/* WebAssembly has none of this without exceptions; what includes it here calls nothing of it. */
