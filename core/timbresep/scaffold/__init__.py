"""New plugins: folders and packages from templates, which work from the first minute on."""
