// The languages that bindings come in.

import type { KernelForm } from '../plan/flat.js';

export const BINDING_LANGUAGES = ['cpp', 'python', 'rust', 'swift'] as const;
export type BindingLanguage = (typeof BINDING_LANGUAGES)[number];

/** The form in which a set's kernels have to be for a language. */
export const BINDING_FORMS: Readonly<Record<BindingLanguage, KernelForm>> = {
  cpp: 'bound',
  python: 'flat',
  rust: 'bound',
  swift: 'bound',
};

/** Files of a language, below its own folder. */
export const BINDING_FILES: Readonly<Record<BindingLanguage, readonly string[]>> = {
  cpp: ['moegen.hpp'],
  python: ['moegen_torch.py'],
  rust: ['Cargo.toml', 'src/lib.rs'],
  swift: ['Package.swift', ...['Encoder', 'Plan', 'Tables', 'Types'].map((name) => `Sources/Moegen/${name}.swift`)],
};
