// A set of kernels into the texts of its bindings, language by language. Only templates hold text of other languages.

import path from 'node:path';
import { createEnvironment } from '../emit/environment.js';
import { readTemplateSources } from '../emit/sources.js';
import { MoegenError } from '../errors.js';
import type { Manifest } from '../manifest/schema.js';
import type { KernelForm } from '../plan/flat.js';
import { bindingContext } from './context.js';
import { flatManifest } from './flat.js';
import { BINDING_FILES, BINDING_FORMS, MODULE_PREFIX, type BindingLanguage } from './languages.js';
import { bindingSet } from './set.js';

interface BindingRequest {
  readonly manifest: Manifest;
  /** The manifest's file, as the texts name it and errors too. */
  readonly source: string;
  readonly languages: readonly BindingLanguage[];
  /** The package's root, with its templates. */
  readonly packageDir: string;
}

/** Texts by file, each below a folder with the name of its language. */
export function renderBindings({
  manifest,
  source,
  languages,
  packageDir,
}: BindingRequest): Map<string, string> {
  const environment = createEnvironment(
    readTemplateSources(path.join(packageDir, 'templates'), ['bindings']),
  );
  const contexts = new Map<KernelForm, object>();
  const contextFor = (language: BindingLanguage) => {
    const form = BINDING_FORMS[language];
    const context =
      contexts.get(form) ??
      bindingContext(bindingSet(inForm(manifest, form, language, source), source), source);
    contexts.set(form, context);
    return context;
  };
  return new Map(
    languages.flatMap((language) =>
      BINDING_FILES[language].map((name) => {
        const file = `${language}/${name}`;
        const text = environment.render(`templates/bindings/${file}.hbs`, {
          ...contextFor(language),
          package: MODULE_PREFIX[language] ?? '',
        });
        return [file, text.trimStart()] as const;
      }),
    ),
  );
}

/** Of a bound set it is known what its flat form takes; not the other way round. */
function inForm(manifest: Manifest, form: KernelForm, language: BindingLanguage, where: string): Manifest {
  if (form === 'flat') return manifest.form === 'flat' ? manifest : flatManifest(manifest);
  if (manifest.form !== 'flat') return manifest;
  throw new MoegenError(
    'bindings/flat-set',
    `expected a set in the bound form for ${language}, got a flat one`,
    {
      where,
      help: 'generate it without --form flat, or choose the languages with --language',
    },
  );
}
