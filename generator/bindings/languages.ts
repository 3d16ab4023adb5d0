// The languages that bindings come in.

import type { KernelForm } from '../plan/flat.js';

export const BINDING_LANGUAGES = ['cpp', 'huggingface', 'python', 'rust', 'swift'] as const;
export type BindingLanguage = (typeof BINDING_LANGUAGES)[number];

/** The form in which a set's kernels have to be for a language. */
export const BINDING_FORMS: Readonly<Record<BindingLanguage, KernelForm>> = {
  cpp: 'bound',
  huggingface: 'flat',
  python: 'flat',
  rust: 'bound',
  swift: 'bound',
};

/** Files of a language, below its own folder. */
export const BINDING_FILES: Readonly<Record<BindingLanguage, readonly string[]>> = {
  cpp: ['moegen.hpp'],
  huggingface: [
    ...['build.toml', 'flake.nix', 'CARD.md'],
    ...['__init__', 'moegen_plan', 'moegen_torch'].map((name) => `torch-ext/moegen/${name}.py`),
  ],
  python: ['moegen_plan.py', 'moegen_torch.py', 'moegen_mlx.py'],
  rust: ['Cargo.toml', 'src/lib.rs'],
  swift: [
    'Package.swift',
    ...['Encoder', 'Plan', 'Tables', 'Types'].map((name) => `Sources/Moegen/${name}.swift`),
  ],
};

/** What stands before the name of a module of the same folder where it is imported. */
export const MODULE_PREFIX: Readonly<Partial<Record<BindingLanguage, string>>> = { huggingface: '.' };
