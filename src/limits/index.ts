export { LIMIT_GROUPS, type Limit, type LimitSection } from './limit.ts';
export {
  type CountedLimit,
  countedLimits,
  LIMIT_TABLE,
  type LimitName,
  type LimitRow,
  limitLabel,
  limitRows,
} from './limit-table.ts';
