// How elements of a buffer become floats and back: the words that templates print for loading and storing each type.

import type { ActivationDtype, Bf16Storage } from '../description/dtypes.js';
import type { TemplateValue } from './types.js';

export interface StorageTerms {
  readonly [term: string]: TemplateValue;
  /** Type of one element in a buffer. */
  readonly msl: string;
  /** Turns one element, and four, into floats. */
  readonly load: string;
  readonly load4: string;
  /** Rounds a float to an element, to nearest even. */
  readonly store: string;
}

const NATIVE: Readonly<Record<'f16' | 'f32', StorageTerms>> = {
  f16: { msl: 'half', load: 'float', load4: 'float4', store: 'half' },
  f32: { msl: 'float', load: 'float', load4: 'float4', store: 'float' },
};

const BF16: Readonly<Record<Bf16Storage, StorageTerms>> = {
  ushort: { msl: 'ushort', load: 'moe_load_bf16', load4: 'moe_load_bf16', store: 'moe_store_bf16' },
  bfloat: { msl: 'bfloat', load: 'float', load4: 'float4', store: 'bfloat' },
};

export function storageTerms(dtype: ActivationDtype, bf16Storage: Bf16Storage): StorageTerms {
  return dtype === 'bf16' ? BF16[bf16Storage] : NATIVE[dtype];
}

/** The same for a kernel that moves values and computes nothing: of BF16 they keep subnormals, however it is declared. */
export function bitsTerms(dtype: ActivationDtype): StorageTerms {
  return storageTerms(dtype, 'ushort');
}

export interface StorageUse {
  readonly dtype: ActivationDtype;
  readonly loads?: boolean;
  readonly loads4?: boolean;
  readonly stores?: boolean;
}

/** The helper functions that a kernel's file needs: one record for each type in use, with what is used of it. */
export function accessorTerms(uses: readonly StorageUse[], bf16Storage: Bf16Storage) {
  const dtypes = [...new Set(uses.map((use) => use.dtype))];
  return dtypes.map((dtype) => {
    const own = uses.filter((use) => use.dtype === dtype);
    const { msl } = storageTerms(dtype, bf16Storage);
    return {
      msl,
      isBits: dtype === 'bf16' && bf16Storage === 'ushort',
      hasLoad: own.some((use) => use.loads === true),
      hasVectorLoad: own.some((use) => use.loads4 === true),
      hasStore: own.some((use) => use.stores === true),
    };
  });
}
